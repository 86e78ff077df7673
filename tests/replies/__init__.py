"""Training and measuring of how replies are understood: `make replies-train`, `make replies-report`."""
