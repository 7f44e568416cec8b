"""What packages are made of, besides the image's own files.

sbom          the software bill of materials (CycloneDX)
readme        the README that goes with a folder
zip           one file that serves by itself; `zip_main` is what runs in it
manifests     for IoT Edge and Kubernetes
"""
