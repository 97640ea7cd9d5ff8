"""What the worker runs for channels. Each task looks at its table and returns; see config/tasks.py."""
