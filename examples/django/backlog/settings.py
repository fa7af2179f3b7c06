import os

from psycopg2.extensions import parse_dsn

database = parse_dsn(os.environ['DATABASE_URL'])
DATABASES = {
    'default': {
        'ENGINE': 'django.db.backends.postgresql',
        'NAME': database['dbname'],
        'USER': database.get('user', ''),
        'PASSWORD': database.get('password', ''),
        'HOST': database.get('host', ''),
        'PORT': database.get('port', ''),
    }
}
TEAMBOARD_URL = os.environ.get('TEAMBOARD_URL', 'http://127.0.0.1:3000')
SECRET_KEY = 'only-for-trying'
DEBUG = True
ALLOWED_HOSTS = ['127.0.0.1']
INSTALLED_APPS = [
    'django.contrib.auth',
    'django.contrib.contenttypes',
    'django.contrib.sessions',
    'django.contrib.staticfiles',
    'backlog',
]
MIDDLEWARE = [
    'django.contrib.sessions.middleware.SessionMiddleware',
    'django.middleware.csrf.CsrfViewMiddleware',
    'django.contrib.auth.middleware.AuthenticationMiddleware',
]
TEMPLATES = [
    {
        'BACKEND': 'django.template.backends.django.DjangoTemplates',
        'APP_DIRS': True,
        'OPTIONS': {
            'context_processors': ['django.template.context_processors.request', 'django.contrib.auth.context_processors.auth']
        },
    }
]
ROOT_URLCONF = 'backlog.urls'
DEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'
STATIC_URL = '/static/'
