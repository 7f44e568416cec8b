"""The event loop of a server: a uvloop that is cheap to enter and to leave, on any thread.

The loop is left and entered again around the calls of run(); see `mlmagic.scoring.calls.script_thread`. A
plain uvloop sets up signal handling each time that the main thread enters it, which takes 40 microseconds.
Ours is imported so that it never finds itself on the main thread; then it takes 4. Signals are handled by
`mlmagic.scoring.signals` instead.
"""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A new loop; if uvloop was imported before by something else, entering it is merely slower."""
    main_thread = threading.main_thread
    threading.main_thread = lambda: SimpleNamespace(ident=0)  # type: ignore[assignment,return-value]
    try:
        import uvloop  # keeps the function as it finds it here
    finally:
        threading.main_thread = main_thread
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
