"""What is claimed, measured: each figure beside a peer or a limit, in the same run on the same machine."""
