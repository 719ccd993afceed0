"""What a worker process on this machine does first: it leaves Ctrl-C to the command.

A terminal interrupts all processes of a command. The command ends the workers itself.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
