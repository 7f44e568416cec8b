"""The live table of a workspace's services; a row opens the service's card in place.

`live_services` is what every front shares, `grid` the widget of a notebook's kernel. The component is
``static/services_grid.js``.
"""
