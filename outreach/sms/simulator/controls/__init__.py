"""The settings that can be turned while the simulator runs. Imports nothing from its neighbours."""
