"""The live card of one service: its state, metrics, log and events, and what can be done with it.

Its state is traits, which the component ``static/service_card.js`` draws. The engine's state watcher sets
them from a thread; a thread may set traits, and must never print or display. `live_service` is what every
front shares, `card` the widget of a notebook's kernel.
"""
