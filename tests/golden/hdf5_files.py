"""HDF5 files for the tests of src/store: `check FILE` reads what our writer made, every other action makes a file.

usage: hdf5_files.py ACTION FILE
"""

import os
import sys

import h5py
import numpy as np


def new_file(path):
    file = h5py.File(path, "w")
    file.attrs["format"] = np.bytes_("theirs")
    return file


def check(path):
    with h5py.File(path) as file:
        assert file.attrs["format"].decode() == "ours" and file.attrs["umlaut"].decode() == "für"
        assert file.attrs["seed"] == 7 and file.attrs["rate"] == 0.25 and file.attrs["flag"] is np.True_
        values = file["/group/values"]
        assert values.dtype == np.float32 and values.fletcher32 and values.shuffle and values.compression == "gzip"
        assert np.array_equal(values[:], np.arange(6, dtype=np.float32).reshape(3, 2) / 2)
        assert values.attrs["units"].decode() == "nats" and values.attrs["description"].decode() == "halves"
        assert values.attrs["axes"].decode() == '["row","column"]'
        assert file["/halves"].attrs["dtype"].decode() == "bfloat16" and file["/halves"][:].tolist() == [0x3F80, 0x4000]
        assert file["/text"][0].decode() == "für alle"


def honest(path):
    with new_file(path) as file:
        file.create_dataset("values", data=np.arange(6, dtype="<i4"), chunks=(2,), compression="gzip", shuffle=True)


def external_link(path):
    with h5py.File(path + ".other", "w") as other:
        other["values"] = np.arange(6)
    with new_file(path) as file:
        file["values"] = h5py.ExternalLink(path + ".other", "/values")


def soft_link(path):
    with new_file(path) as file:
        file["values"] = np.arange(6)
        file["again"] = h5py.SoftLink("/values")


def external_storage(path):
    with new_file(path) as file:
        file.create_dataset("values", (6,), "<i4", external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)])


def virtual(path):
    with h5py.File(path + ".source", "w") as source:
        source["values"] = np.arange(6, dtype="<i4")
    layout = h5py.VirtualLayout(shape=(6,), dtype="<i4")
    layout[:] = h5py.VirtualSource(path + ".source", "values", shape=(6,))
    with new_file(path) as file:
        file.create_virtual_dataset("values", layout)


def unknown_filter(path):
    with new_file(path) as file:
        file.create_dataset("values", data=np.arange(6, dtype="<i4"), chunks=(2,), compression="lzf")


def huge_extent(path):
    with new_file(path) as file:
        file.create_dataset("values", (2**40,), "<i4", chunks=(2**20,))


def unwritten_chunks(path):
    with new_file(path) as file:
        dataset = file.create_dataset("values", (100,), "<i4", chunks=(10,))
        dataset[:50] = 1


def compound(path):
    with new_file(path) as file:
        file["values"] = np.zeros(3, dtype=[("a", "<i4"), ("b", "<f4")])


def variable_text(path):
    with new_file(path) as file:
        file.create_dataset("values", data=["a", "bc"], dtype=h5py.string_dtype())


def named_type(path):
    with new_file(path) as file:
        file["type"] = np.dtype("<f8")


def other_format(path):
    with new_file(path) as file:
        file.attrs["format"] = np.bytes_("another")


def not_hdf5(path):
    with open(path, "wb") as file:
        file.write(os.urandom(4096))


def format_is_a_number(path):
    with new_file(path) as file:
        file.attrs["format"] = 5


def scalar(path):
    with new_file(path) as file:
        file["values"] = 5


def big_endian(path):
    with new_file(path) as file:
        file["values"] = np.arange(6, dtype=">i4")


if __name__ == "__main__":
    globals()[sys.argv[1]](sys.argv[2])
