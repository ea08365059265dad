"""Songs with known keys from a second generator: MMA and FluidSynth."""
