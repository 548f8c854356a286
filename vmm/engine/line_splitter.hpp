// Lines out of a stream that comes in pieces.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace twofold::vmm {

class LineSplitter {
  public:
    using Sink = std::function<void(std::string_view line)>;

    /// A line longer than `longest` bytes is handed out in pieces.
    explicit LineSplitter(Sink sink, std::size_t longest = std::size_t{1} << 20)
        : sink_(std::move(sink)), longest_(longest) {}

    /// Hands each whole line, without its newline, to the sink.
    void feed(std::string_view bytes);
    /// The stream has ended: what is left is a line too.
    void finish();

  private:
    Sink sink_;
    std::size_t longest_;
    std::string partial_;
};

} // namespace twofold::vmm
