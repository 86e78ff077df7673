"""The national register of numbers that want no advertising (DoNotCall, Decree 91/2020)."""
