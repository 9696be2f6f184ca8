// A whole stage in small, for the fault tests: blocks, an HDF5 file, a published artefact. The script beside it kills,
// fills disks and restarts; this program only does the work and prints the artefact's digest.

#include "base/random.h"
#include "dist/activity.h"
#include "dist/guard.h"
#include "store/artefact.h"
#include "store/blocks.h"
#include "store/hdf5.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <thread>

using namespace nepenthe;

namespace {

struct Arguments {
    std::string mode = "stage", outputs;
    std::uint64_t blocks = 23, row_values = 512, milliseconds = 0;
    int hang_timeout = 0;
};

Arguments parse(int argc, char** argv) {
    Arguments arguments;
    std::map<std::string, std::string> given;
    for (int i = 1; i + 1 < argc; i += 2) given[argv[i]] = argv[i + 1];
    const auto number = [&](const char* name, std::uint64_t otherwise) {
        return given.contains(name) ? std::stoull(given[name]) : otherwise;
    };
    if (given.contains("--mode")) arguments.mode = given["--mode"];
    arguments.outputs = given["--outputs"];
    arguments.blocks = number("--blocks", arguments.blocks);
    arguments.row_values = number("--values", arguments.row_values);
    arguments.milliseconds = number("--milliseconds", 0);
    arguments.hang_timeout = static_cast<int>(number("--hang-timeout", 0));
    return arguments;
}

std::string block_bytes(const Arguments& arguments, std::uint64_t block) {
    std::this_thread::sleep_for(std::chrono::milliseconds(arguments.milliseconds));
    RandomStream stream(7, "stage_program", block);
    std::string bytes(arguments.row_values * sizeof(std::uint32_t), '\0');
    for (std::uint64_t i = 0; i < arguments.row_values; ++i) {
        const std::uint32_t value = stream.next_u32();
        std::memcpy(bytes.data() + i * sizeof value, &value, sizeof value);
    }
    return bytes;
}

std::string write_hdf5(const dist::Comm& world, const std::filesystem::path& path, const Arguments& arguments,
                       const store::BlockResults& results) {
    store::H5Writer writer(world, path, "stage-program", 1, {{"seed", 7}});
    store::DatasetSpec spec;
    spec.name = "/values";
    spec.type = store::H5Type::kU32;
    spec.shape = {arguments.blocks, arguments.row_values};
    spec.axes = {"block", "value"};
    spec.description = "random values";
    writer.create(spec);
    writer.write_rows("/values", [&](std::uint64_t first, std::uint64_t rows, std::span<std::byte> out) {
        for (std::uint64_t row = 0; row < rows; ++row) {
            const std::string bytes = results.read(first + row);
            std::memcpy(out.data() + row * bytes.size(), bytes.data(), bytes.size());
        }
    });
    return writer.close();
}

int run_stage(const dist::Comm& world, const Arguments& arguments) {
    const dist::StageScope stage("values");
    const store::ArtefactKey key{
        "values", {{"blocks", arguments.blocks}, {"values", arguments.row_values}}, {{"corpus", "none"}}};
    std::optional<store::Artefact> artefact = store::find_artefact(world, arguments.outputs, key);
    if (!artefact) {
        store::ArtefactWriter writer(world, arguments.outputs, key);
        store::BlockOptions options;
        options.label = "values";
        options.key_digest = key.digest();
        options.sync_seconds = 0.05;
        const auto results = store::for_each_block(world, writer.scratch_folder(), arguments.blocks, options,
                                                   [&](std::uint64_t block) { return block_bytes(arguments, block); });
        const std::string digest = write_hdf5(world, writer.data_folder() / "values.h5", arguments, results);
        artefact = writer.publish({{"blocks", arguments.blocks}}, {{"values.h5", digest}});
    }
    if (world.is_root()) fmt::print("{}\n", artefact->digest());
    return 0;
}

int body(const dist::Comm& world, const Arguments& arguments) {
    const dist::Watchdog watchdog(world, std::chrono::seconds(arguments.hang_timeout));
    const bool last = world.rank() == world.size() - 1;
    if (arguments.mode == "stage") return run_stage(world, arguments);
    const dist::StageScope stage("rehearsal");
    if (arguments.mode == "throw-alone") {
        if (last) fail(ErrorKind::kData, "a line that only this rank read");
        world.barrier("the barrier nobody leaves");
    } else if (arguments.mode == "throw-agreed") {
        dist::run_agreed(world, "reading", [&] {
            if (last) fail(ErrorKind::kData, "a line that only this rank read");
        });
    } else if (arguments.mode == "hang") {
        if (last) std::this_thread::sleep_for(std::chrono::hours(1));
        world.barrier("the barrier nobody leaves");
    } else if (arguments.mode == "hang-on-device") {
        // Operations that end one after the other, then one that does not: a device as the watchdog sees it.
        const auto start = std::chrono::steady_clock::now();
        for (int i = 1; i <= 4; ++i) {
            dist::announce_on_device(world, "a collective that ends", [start, i] {
                return std::chrono::steady_clock::now() - start > i * std::chrono::milliseconds(800);
            });
        }
        dist::announce_on_device(world, "a collective that hangs", [] { return false; });
        std::this_thread::sleep_for(std::chrono::hours(1));
    } else if (arguments.mode == "exit-code") {
        return static_cast<int>(ErrorKind::kGate);
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const Arguments arguments = parse(argc, argv);
    return dist::run_guarded(argc, argv, [&](const dist::Comm& world) { return body(world, arguments); });
}
