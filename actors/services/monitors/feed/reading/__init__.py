"""Documents read into news, in a process of their own.

What a feed holds is written by strangers, and its parsers are no match for all of them: feedparser needs time that
grows with the square of the depth, and a regular expression can take for ever, holding the interpreter. So they run
where time and memory have limits and the end is a `kill`. The modules here are run there, except `client`, which is
ours; they import the standard library, feedparser and jsonpath alone.
"""
