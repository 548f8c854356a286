#include "sim/byte_window.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace twofold::vmm {

namespace {
constexpr std::size_t window_bytes = std::size_t{1} << 17;
} // namespace

ByteWindow::ByteWindow(std::filesystem::path path)
    : path_(std::move(path)), source_(open_bytes(path_)), buffer_(window_bytes) {}

void ByteWindow::refill(std::size_t wanted) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    while (end_ < wanted) {
        auto const got = source_->read(std::as_writable_bytes(std::span{buffer_}.subspan(end_)));
        if (got == 0) return;
        end_ += got;
    }
}

bool ByteWindow::next_line(std::string_view& line) {
    auto const bytes = ahead(longest_line);
    if (bytes.empty()) return false;
    auto const length = bytes.find('\n');
    if (length == std::string_view::npos && bytes.size() == longest_line)
        throw wrong(fmt::format("a line of {} bytes or more", longest_line));
    line = bytes.substr(0, length);
    skip(length == std::string_view::npos ? bytes.size() : length + 1);
    ++line_;
    return true;
}

Failure ByteWindow::wrong(std::string_view what) const {
    if (line_ > 0) return Failure{fmt::format("{}, line {}: {}", path_.string(), line_, what)};
    return Failure{fmt::format("{}, offset {:#x}: {}", path_.string(), offset_, what)};
}

} // namespace twofold::vmm
