"""The live table of registered model versions; a row opens its files, description and tags in place.

`live_models` is what every front shares, `grid` the widget of a notebook's kernel. The component is
``static/models_grid.js``.
"""
