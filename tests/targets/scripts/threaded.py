import threading

threading.Thread(target=threading.Event().wait, name="meddler", daemon=True).start()
