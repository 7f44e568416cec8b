"""The router of an endpoint: it gives each version of a service its share of the requests.

    HttpConnection -> Router.answer -> Choice (which version?) -> Version -> Upstream -> the version's server
                                    -> Shadows (a copy for others, their answers compared)

The versions are services of their own. Which there are, and their shares, is in the routes file, which is
read again when it changes.
"""
