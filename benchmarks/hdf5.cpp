// Writing a label artefact's datasets by all ranks through parallel HDF5, against one process writing the same bytes
// one behind the other into a plain file. Both end with fsync; the first also reads everything back for its digest.
//
//     mpirun -n 2 benchmark_hdf5 LABELS.h5 FOLDER [COPIES]
//
// COPIES repeats the rows, so that small artefacts give large files (default 8). Prints a Markdown table.

#include "store/hdf5.h"
#include "base/error.h"
#include "dist/comm.h"
#include "unlearn/relabel/label_file.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace {

using namespace nepenthe;
namespace fs = std::filesystem;

// One dataset of the artefact, whole, and how to make it again.
struct Table {
    store::DatasetSpec spec;
    std::vector<std::byte> bytes;

    std::size_t row_bytes() const { return bytes.size() / spec.shape[0]; }
};

std::vector<Table> read_tables(const fs::path& path) {
    const store::H5Reader file(path, unlearn::kLabelFormat);
    std::vector<Table> tables;
    for (const std::string& name : file.datasets()) {
        const auto shape = file.shape(name);
        if (shape.size() < 2) continue;  // texts and small tables
        Table table;
        table.spec = {
            .name = name, .type = file.type(name), .shape = shape, .axes = {}, .description = "", .units = ""};
        for (std::size_t axis = 0; axis < shape.size(); ++axis)
            table.spec.axes.push_back("axis" + std::to_string(axis));
        table.bytes = file.read_rows(name, 0, shape[0]);
        tables.push_back(std::move(table));
    }
    return tables;
}

double seconds_of(const dist::Comm& comm, const std::function<void()>& work) {
    comm.barrier();
    const auto start = std::chrono::steady_clock::now();
    work();
    comm.barrier();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void write_plain(const fs::path& path, const std::vector<Table>& tables, std::uint64_t copies) {
    const int file = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
    if (file < 0) fail(ErrorKind::kInputOutput, "cannot create {}", path.string());
    for (const Table& table : tables) {
        for (std::uint64_t copy = 0; copy < copies; ++copy) {
            for (std::size_t done = 0; done < table.bytes.size();) {
                const auto written = ::write(file, table.bytes.data() + done, table.bytes.size() - done);
                if (written <= 0) fail(ErrorKind::kInputOutput, "cannot write {}", path.string());
                done += static_cast<std::size_t>(written);
            }
        }
    }
    if (::fsync(file) != 0 || ::close(file) != 0) fail(ErrorKind::kInputOutput, "cannot write {}", path.string());
}

struct Times {
    double write = 0, close = 0;
};

Times write_hdf5(const dist::Comm& comm, const fs::path& path, const std::vector<Table>& tables, std::uint64_t copies,
                 bool compress) {
    Times times;
    store::H5Writer file(comm, path, "nepenthe.benchmark", 1, Json::object());
    times.write = seconds_of(comm, [&] {
        for (const Table& table : tables) {
            const std::uint64_t rows = table.spec.shape[0];
            store::DatasetSpec spec = table.spec;
            spec.shape[0] = rows * copies;
            spec.compress = compress;
            file.create(spec);
            file.write_rows(spec.name, [&](std::uint64_t first, std::uint64_t count, std::span<std::byte> out) {
                for (std::uint64_t i = 0; i < count; ++i) {
                    const std::size_t from = (first + i) % rows * table.row_bytes();
                    std::memcpy(out.data() + i * table.row_bytes(), table.bytes.data() + from, table.row_bytes());
                }
            });
        }
    });
    times.close = seconds_of(comm, [&] { file.close(); });
    return times;
}

void run(const dist::Comm& comm, const fs::path& labels, const fs::path& folder, std::uint64_t copies) {
    const std::vector<Table> tables = read_tables(labels);
    double megabytes = 0;
    for (const Table& table : tables) megabytes += static_cast<double>(table.bytes.size() * copies) / 1e6;
    const fs::path plain = folder / "plain.bin", raw = folder / "uncompressed.h5", packed = folder / "compressed.h5";
    double plain_seconds = 0;
    const auto line = [&](const char* name, const fs::path& path, double write, double close) {
        if (!comm.is_root()) return;
        std::printf("| %s | %.0f | %.2f | %.2f | %.0f | %.2f |\n", name, static_cast<double>(fs::file_size(path)) / 1e6,
                    write, close, megabytes / write, plain_seconds / write);
        std::fflush(stdout);
        fs::remove(path);
    };
    if (comm.is_root()) {
        std::printf("%.0f MB of labels, %d ranks\n\n", megabytes, comm.size());
        std::printf(
            "| way | MB in the file | writing, s | closing, s | MB/s | against plain |\n|---|---|---|---|---|---|\n");
    }
    for (int round = 0; round < 3; ++round) {
        plain_seconds = seconds_of(comm, [&] {
            if (comm.is_root()) write_plain(plain, tables, copies);
        });
        line("plain, one process", plain, plain_seconds, 0);
        const Times without = write_hdf5(comm, raw, tables, copies, false);
        line("HDF5", raw, without.write, without.close);
        const Times with = write_hdf5(comm, packed, tables, copies, true);
        line("HDF5, shuffled and deflated", packed, with.write, with.close);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3 && argc != 4) {
        std::fprintf(stderr, "usage: %s LABELS.h5 FOLDER [COPIES]\n", argv[0]);
        return 64;
    }
    dist::Session session(&argc, &argv);
    run(session.world(), argv[1], argv[2], argc == 4 ? std::stoull(argv[3]) : 8);
    return 0;
}
