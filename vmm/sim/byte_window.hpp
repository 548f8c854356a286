// A window that moves over a file's bytes: constant memory for files of any length.
#pragma once

#include "sim/byte_source.hpp"
#include "system/failure.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace twofold::vmm {

class ByteWindow {
  public:
    explicit ByteWindow(std::filesystem::path path);

    /// The next `count` bytes, fewer only at the end. Valid until the next call.
    std::string_view ahead(std::size_t count) {
        if (end_ - begin_ < count) refill(count);
        return {buffer_.data() + begin_, std::min(count, end_ - begin_)};
    }
    /// The next line without its end; nothing at the end of the file. A line longer than
    /// `longest_line` is a Failure.
    bool next_line(std::string_view& line);
    void skip(std::size_t count) {
        begin_ += count;
        offset_ += count;
    }

    [[nodiscard]] Failure truncated() const { return wrong("the file ends within a record"); }
    /// `what` is wrong here.
    [[nodiscard]] Failure wrong(std::string_view what) const;

    static constexpr std::size_t longest_line = 4096;

  private:
    void refill(std::size_t wanted);

    std::filesystem::path path_;
    std::unique_ptr<ByteSource> source_;
    std::vector<char> buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::uint64_t offset_ = 0;
    std::uint64_t line_ = 0;
};

} // namespace twofold::vmm
