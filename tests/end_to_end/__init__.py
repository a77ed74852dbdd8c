"""WatchHamster as a process, asked over the network as its users ask it."""
