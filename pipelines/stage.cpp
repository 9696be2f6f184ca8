#include "pipelines/stage.h"

#include "base/json_text.h"
#include "base/log.h"
#include "dist/guard.h"
#include "io/atomic_write.h"
#include "io/file.h"
#include "io/text.h"
#include "model/checkpoint_io.h"
#include "model/model_files.h"
#include "model/read_back.h"
#include "store/published_files.h"
#include "text/tokenizer_digest.h"

namespace nepenthe::pipelines {

namespace {

// A tokenizer's files from its folder, or from beside its tokenizer.json, which may bear another name there.
void copy_tokenizer(const std::filesystem::path& tokenizer, const std::filesystem::path& target) {
    const bool is_folder = std::filesystem::is_directory(tokenizer);
    const std::filesystem::path folder = is_folder ? tokenizer : tokenizer.parent_path();
    std::vector<std::string> names = text::tokenizer_file_names();
    names.emplace_back("generation_config.json");
    for (const std::string& name : names) {
        const std::filesystem::path path = name == "tokenizer.json" && !is_folder ? tokenizer : folder / name;
        if (std::filesystem::exists(path)) io::copy_file_atomically(path, target / name);
    }
}

}  // namespace

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
        const std::filesystem::path& folder = writer.data_folder();
        // Before the model's own files: none of these may take the place of what is made.
        for (const std::filesystem::path& tokenizer : side_files) copy_tokenizer(tokenizer, folder);
        model::save_model(decoder, source, folder);
        io::write_file_atomically(folder / "provenance.json", json_text(summary, 2) + "\n");
        // Trust what the disk gives back, not what was meant to be written.
        model::check_saved_model(decoder, source, folder);
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

Answer summary_answer(const store::Artefact& artefact, const std::string& what) {
    Answer answer = artefact_answer(artefact, what);
    answer.json["summary"] = artefact.manifest.value("summary", Json::object());
    return answer;
}

}  // namespace nepenthe::pipelines
