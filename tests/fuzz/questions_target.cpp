#include "fuzz/target.h"
#include "unlearn/data/question_answers.h"

using namespace nepenthe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::MemoryFile file(fuzz::as_text(data, size));
    const bool questions = unlearn::holds_questions(file.path());
    std::vector<unlearn::QuestionAnswer> items;
    if (fuzz::accepted([&] { items = unlearn::read_question_answers(file.path()); })) {
        fuzz::require(questions, "what can be read is known for what it is");
        for (const unlearn::QuestionAnswer& item : items)
            fuzz::require(!item.prompt.empty() && !item.answer.empty(), "a question has an answer");
    }
    std::vector<std::string> refusals;
    if (fuzz::accepted([&] { refusals = unlearn::read_refusals(file.path()); })) {
        for (const std::string& refusal : refusals) fuzz::require(!refusal.empty(), "a refusal has words");
    }
    return 0;
}
