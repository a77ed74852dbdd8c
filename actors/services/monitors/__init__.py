"""Services that watch something that is no child of ours."""
