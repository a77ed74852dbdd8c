"""The backend of WatchHamster as supervised actors, usable from any Trio program."""
