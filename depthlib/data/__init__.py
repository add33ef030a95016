"""Data sets: loaders, manifests, transforms, photographs."""
