"""`python -m lambdatui.host DIR ...`: the engine process. Started by the client, never imported by it."""

import gc
import sys

gc.disable()  # until the engine is ready: start-up makes hardly any garbage, and looking for it took a tenth of it

from lambdatui.host.main import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
