"""Packages of services for other machines, and the files in them.

sbom          the software bill of materials (CycloneDX)
first_start   starts a package once, before it counts as done
readme        the README of a folder
zip           a zip application, one file; `zip_main` is its main program
manifests     deployment manifests for IoT Edge and Kubernetes
"""
