"""What the worker runs for the inbox. Each task looks at its table and returns; see config/tasks.py."""
