"""WatchHamster, the product: configuration, command line and HTTP over the actors."""
