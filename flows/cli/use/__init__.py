"""Commands that use a network that is registered or trained.

module         | what it answers
commands       | Which options do these commands have?
export_command | What does emotion export do?
score_command  | What does emotion score do?
"""
