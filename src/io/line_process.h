#pragma once
// Another program that answers each line with a line, over its standard input and output.

#include "io/descriptor.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace nepenthe::io {

class LineProcess {
  public:
    // Starts `words[0]` (looked for in PATH) with the other words as its arguments. Throws Error(kInputOutput) where it
    // cannot be started.
    explicit LineProcess(const std::vector<std::string>& words);
    // Ends the program: it sees the end of its input, and is killed where that does not end it within a second.
    ~LineProcess();
    LineProcess(const LineProcess&) = delete;
    LineProcess& operator=(const LineProcess&) = delete;

    // Sends `line`, which holds no line break, and one behind it. False where the program has gone.
    bool send(std::string_view line);
    // The next line that the program prints, without its line break; nothing where it has gone, took longer than
    // `limit`, or printed more than 256 MiB without a line break. It is of no use afterwards.
    std::optional<std::string> receive(std::chrono::milliseconds limit);

    // The end of what it wrote to standard error, on one line.
    std::string last_words() const;

  private:
    pid_t child_ = -1;
    Descriptor channel_, errors_;
    std::string read_;  // received, not yet returned
};

}  // namespace nepenthe::io
