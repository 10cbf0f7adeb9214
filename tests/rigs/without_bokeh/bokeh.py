"""In the way of the real bokeh, for an image that has none."""

raise ImportError("this image has no bokeh")
