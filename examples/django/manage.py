#!/usr/bin/python3
import os

from django.core.management import execute_from_command_line

os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'backlog.settings')
if __name__ == '__main__':
    import sys

    execute_from_command_line(sys.argv)
