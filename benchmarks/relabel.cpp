// Labels for three α from two copies of one model, timed; benchmarks/relabel.py runs this beside the published
// algorithm.
//
// usage: benchmark_relabel MODEL CORPUS DICTIONARY CHARACTERS BLOCK auto|always|never

#include "unlearn/relabel/relabel.h"
#include "dist/comm.h"
#include "io/text.h"
#include "text/tokenizer.h"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

long peak_kibibytes() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:")) return std::stol(line.substr(6));
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace nepenthe;
    if (argc != 7) {
        std::fprintf(stderr, "usage: %s MODEL CORPUS DICTIONARY CHARACTERS BLOCK auto|always|never\n", argv[0]);
        return 64;
    }
    dist::Session session(&argc, &argv);
    const auto tokenizer = text::Tokenizer::load(argv[1]);
    double load_seconds = 0;
    const auto timed_load = [&] {
        const auto start = std::chrono::steady_clock::now();
        auto decoder = model::Decoder::load(argv[1], model::Compute::kFloat32);
        load_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        return decoder;
    };
    unlearn::RelabelInputs inputs;
    inputs.load_baseline = inputs.load_reinforced = timed_load;
    inputs.baseline_digest = inputs.reinforced_digest = argv[1];
    inputs.tokenizer = &tokenizer;
    inputs.dictionary = unlearn::read_dictionary(argv[3]);
    const std::string text = io::read_documents({argv[2]}).texts.at(0);
    inputs.documents = {text.substr(0, io::bytes_of_code_points(text, std::stoul(argv[4])))};
    unlearn::RelabelOptions options;
    options.alphas = {2.5, 5, 10};
    options.block = std::stol(argv[5]);
    options.swap = unlearn::parse_swap(argv[6]);
    const auto outputs =
        std::filesystem::temp_directory_path() / ("nepenthe-benchmark-relabel-" + std::string(argv[6]));
    if (session.world().is_root()) std::filesystem::remove_all(outputs);
    session.world().barrier();

    const auto start = std::chrono::steady_clock::now();
    const auto artefact = unlearn::relabel(session.world(), inputs, options, outputs);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() - load_seconds;
    const Json answer = {{"tokens", artefact.manifest.at("summary").at("positions")},
                         {"seconds", seconds},
                         {"load_seconds", load_seconds},
                         {"peak_kib", peak_kibibytes()},
                         {"digest", artefact.digest()},
                         {"counts", artefact.manifest.at("summary")}};
    if (session.world().is_root()) std::printf("%s\n", answer.dump().c_str());
    session.world().barrier();
    if (session.world().is_root()) std::filesystem::remove_all(outputs);
    return 0;
}
