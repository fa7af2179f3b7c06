from django.contrib.auth.views import LogoutView
from django.urls import path

from . import views

urlpatterns = [
    path('', views.index),
    path('sign-in', views.sign_in),
    path('sign-out', LogoutView.as_view(next_page='/')),
    path('stories', views.create),
    path('stories/<int:story_id>', views.plan),
    path('whoami', views.whoami),
]
