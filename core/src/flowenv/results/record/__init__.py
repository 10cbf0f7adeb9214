"""The outcome record: how the process of a flow says how that ended, and how that is believed."""
