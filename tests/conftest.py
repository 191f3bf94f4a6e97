"""What all tests rely on."""

import signal

# A shell that starts tests in the background has them ignore Ctrl-C; some tests, and the processes they start, must not.
signal.signal(signal.SIGINT, signal.default_int_handler)
