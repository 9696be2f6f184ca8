#include "pipelines/stage.h"

#include "base/log.h"
#include "dist/guard.h"
#include "io/file.h"
#include "io/text.h"
#include "model/checkpoint_io.h"
#include "model/model_files.h"
#include "store/published_files.h"

namespace nepenthe::pipelines {

std::string input_model_digest(const dist::Comm& comm, const std::filesystem::path& folder) {
    return model::model_digest(comm, folder);
}

std::string input_artefact_digest(const dist::Comm& comm, const std::filesystem::path& folder) {
    return store::verified_artefact(comm, folder).digest();
}

store::Artefact publish_model(const dist::Comm& comm, store::ArtefactWriter& writer, const model::Decoder& decoder,
                              const std::filesystem::path& source, const std::vector<std::filesystem::path>& side_files,
                              const Json& summary) {
    const dist::StageScope stage("save model");
    dist::run_agreed(comm, "save model", [&] {
        if (!comm.is_root()) return;
        model::save_model(decoder, source, writer.data_folder());
        for (const auto& file : side_files) {
            const auto name = file.filename() == "config.json" || file.filename().string().starts_with("tokenizer")
                                  ? file.filename()
                                  : std::filesystem::path("config.json");
            io::write_file_atomically(writer.data_folder() / name, io::read_file(file));
        }
        io::write_file_atomically(writer.data_folder() / "provenance.json", summary.dump(2) + "\n");
        // Trust what the disk gives back, not what was meant to be written.
        const auto reread = model::Decoder::load(writer.data_folder(), decoder.compute());
        for (const auto& [name, tensor] : reread.parameters()) {
            const double error =
                (tensor.to(at::kFloat) - decoder.parameter(name).cpu().to(at::kFloat)).abs().max().item<double>();
            const double scale = tensor.to(at::kFloat).abs().max().item<double>();
            // One rounding to bf16 is at most 2^-8 of the value; anything more is another tensor.
            if (!(error <= scale * 0x1.0p-8)) {
                fail(ErrorKind::kGate, "{}: read back from disk it differs from memory by {:.3g}", name, error);
            }
        }
    });
    return writer.publish(summary);
}

std::vector<std::string> read_corpus_documents(const std::vector<std::filesystem::path>& paths,
                                               std::int64_t characters) {
    io::Documents documents = io::read_documents(paths);
    if (documents.blank > 0) {
        log_info("corpus: {} blank documents are passed over, {} remain", documents.blank, documents.texts.size());
    }
    if (characters > 0) {
        for (std::string& text : documents.texts) {
            text.resize(io::bytes_of_code_points(text, static_cast<std::size_t>(characters)));
        }
    }
    return std::move(documents.texts);
}

std::int64_t leave_out_single_tokens(text::Corpus& corpus, const std::string& what) {
    const std::int64_t left_out = text::leave_out_single_tokens(corpus);
    if (left_out > 0) {
        log_info("{}: {} blocks of a single token have nothing to predict and are left out, {} remain", what, left_out,
                 corpus.blocks.size());
    }
    return left_out;
}

Answer artefact_answer(const store::Artefact& artefact, const std::string& what) {
    Answer answer;
    answer.json = {{"artefact", artefact.folder.string()}, {"digest", artefact.digest()}, {"reused", artefact.reused}};
    answer.text =
        fmt::format("{} {}: {}\n", what, artefact.reused ? "exists already" : "is ready", artefact.folder.string());
    return answer;
}

}  // namespace nepenthe::pipelines
