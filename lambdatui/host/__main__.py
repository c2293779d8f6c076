"""`python -m lambdatui.host DIR ...`: the engine process. Started by the client, never imported by it."""

import sys

from lambdatui.host.main import main

sys.exit(main(sys.argv[1:]))
