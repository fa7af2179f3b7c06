from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.db import connection, transaction
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from .models import Story


def index(request):
    return render(request, 'index.html', {'stories': Story.objects.all(), 'teamboard': settings.TEAMBOARD_URL})


@require_POST
def sign_in(request):
    """Without a password, so that two windows are soon two people."""
    user, _ = get_user_model().objects.get_or_create(username=request.POST['name'][:60])
    login(request, user, backend='django.contrib.auth.backends.ModelBackend')
    return redirect('/')


def whoami(request):
    """Teamboard asks here who has sent it a cookie (AUTH_URL)."""
    user = {'id': request.user.id, 'name': request.user.username} if request.user.is_authenticated else None
    return JsonResponse({'user': user})


def change(view):
    """One transaction, of which Teamboard is told whose it is, and which page knows of it already."""

    @require_POST
    def answer(request, **named):
        if not request.user.is_authenticated:
            return HttpResponse(status=401)
        values = [f'application {request.user.id}', request.headers.get('Stream-Id', '')[:36]]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("select set_config('teamboard.actor', %s, true), set_config('teamboard.stream_id', %s, true)", values)
            stories = list(Story.objects.select_for_update())
            view(request, stories, **named)
            moved = [story for place, story in enumerate(stories) if story.position != place]
            for story in moved:
                story.position, story.version = stories.index(story), story.version + 1
            Story.objects.bulk_update(moved, ['position', 'version'])
        if request.headers.get('X-Requested-With'):
            return JsonResponse({'stories': list(Story.objects.values())})
        return redirect('/')

    return answer


@change
def create(request, stories):
    fields = {'title': request.POST['title'], 'points': int(request.POST['points'])}
    stories.append(Story.objects.create(**fields, position=len(stories)))


@change
def plan(request, stories, story_id):
    place = stories.index(get_object_or_404(Story, id=story_id))
    story = stories.pop(place)
    if request.POST['do'] == 'remove':
        story.delete()
    else:
        stories.insert(max(place - 1, 0) if request.POST['do'] == 'up' else place + 1, story)
