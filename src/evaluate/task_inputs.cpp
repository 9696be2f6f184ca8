#include "evaluate/task_inputs.h"

#include "evaluate/task.h"
#include "io/file.h"
#include "io/text.h"
#include "model/sentence_encoder.h"
#include "store/artefact.h"
#include "text/corpus.h"

namespace nepenthe::evaluate {

std::map<std::string, std::string> task_inputs(const EvaluateOptions& options) {
    std::map<std::string, std::string> digests;
    for (const TaskInputFile& input : input_files(options)) {
        std::string& digest = digests[input.role];
        if (!digest.empty()) continue;  // several tasks may read one file
        switch (input.kind) {
            case InputKind::kFile: digest = io::file_digest(input.path); break;
            case InputKind::kDocuments: digest = text::documents_digest(io::read_documents({input.path}).texts); break;
            case InputKind::kArtefact: digest = store::open_artefact(input.path, /*verify=*/true).digest(); break;
            case InputKind::kEncoder: digest = model::encoder_digest(input.path); break;
        }
    }
    return digests;
}

}  // namespace nepenthe::evaluate
