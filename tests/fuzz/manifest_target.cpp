#include "fuzz/target.h"
#include "store/manifest.h"

using namespace nepenthe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Json manifest;
    if (!fuzz::accepted([&] { manifest = parse_json(fuzz::as_text(data, size), "input"); })) return 0;
    fuzz::accepted([&] { store::check_manifest(manifest, "input"); });

    // Digests stop nearly every mutation; with fresh ones the checks behind them are reached, too.
    if (!manifest.is_object() || !manifest.contains("files") || !manifest["files"].is_object()) return 0;
    for (const auto& [name, file] : manifest["files"].items()) {
        if (!file.is_object() || !file.contains("sha256")) return 0;
    }
    manifest["digest"] = store::content_digest(manifest["files"]);
    store::seal(manifest);
    if (!fuzz::accepted([&] { store::check_manifest(manifest, "input"); })) return 0;
    for (const auto& [name, file] : manifest["files"].items()) {
        const std::string inside = (std::filesystem::path("/artefact") / name).lexically_normal().string();
        fuzz::require(inside.starts_with("/artefact/"), "a data file lies in its folder");
    }
    return 0;
}
