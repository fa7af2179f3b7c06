from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Story',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('backlog', models.CharField(default='backlog:1', max_length=128)),
                ('title', models.CharField(max_length=200)),
                ('points', models.PositiveIntegerField(default=3)),
                ('position', models.IntegerField()),
                ('version', models.IntegerField(default=0)),
            ],
            options={
                'ordering': ['position', 'id'],
            },
        ),
    ]
