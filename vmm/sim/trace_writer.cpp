#include "sim/trace_writer.hpp"

#include "system/failure.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace twofold::vmm {

TraceWriter::TraceWriter(std::filesystem::path path, TraceFormat format)
    : path_(std::move(path)), unfinished_(path_.string() + ".unfinished"), format_(format),
      out_(unfinished_, std::ios::binary) {
    if (!out_) fail();
    if (format_ == TraceFormat::binary)
        out_.write(binary_trace_magic.data(),
                   static_cast<std::streamsize>(binary_trace_magic.size()));
}

TraceWriter::~TraceWriter() {
    out_.close();
    std::error_code ignored;
    std::filesystem::remove(unfinished_, ignored);
}

void TraceWriter::fail() const {
    throw Failure{fmt::format("{}: can't be written: {}", path_.string(), std::strerror(errno))};
}

void TraceWriter::add(TraceAccess const& access) {
    if (format_ == TraceFormat::binary) {
        std::uint64_t const record = binary_record(access);
        std::array<char, sizeof record> bytes;
        for (std::size_t i = 0; i < bytes.size(); ++i)
            bytes[i] = static_cast<char>(record >> 8 * i);
        out_.write(bytes.data(), bytes.size());
    } else {
        constexpr std::string_view letters = "rwx";
        out_ << fmt::format("{} {:#x}\n", letters[static_cast<std::size_t>(access.access)],
                            access.gva.value());
    }
    if (!out_) fail();
}

void TraceWriter::finish() {
    out_.close();
    if (!out_) fail();
    std::error_code error;
    std::filesystem::rename(unfinished_, path_, error);
    if (error)
        throw Failure{fmt::format("{}: can't be written: {}", path_.string(), error.message())};
}

} // namespace twofold::vmm
