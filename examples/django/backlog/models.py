from django.db import models


class Story(models.Model):
    backlog = models.CharField(max_length=128, default='backlog:1')
    title = models.CharField(max_length=200)
    points = models.PositiveIntegerField(default=3)
    position = models.IntegerField()
    version = models.IntegerField(default=0)

    class Meta:
        ordering = ['position', 'id']
