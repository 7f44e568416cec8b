"""The target ``local``: services as processes of this machine."""
