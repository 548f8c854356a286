#include "sim/byte_source.hpp"

#include "system/failure.hpp"
#include "system/file_descriptor.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <lzma.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

namespace twofold::vmm {

namespace {

int open_for_reading(std::filesystem::path const& path) {
    int const descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) throw SystemFailure{"can't open " + path.string(), errno};
    return descriptor;
}

std::size_t read_input(int descriptor, std::filesystem::path const& path,
                       std::span<std::byte> bytes) {
    for (;;) {
        auto const count = ::read(descriptor, bytes.data(), bytes.size());
        if (count >= 0) return static_cast<std::size_t>(count);
        if (errno != EINTR) throw SystemFailure{"can't read " + path.string(), errno};
    }
}

/// Plain files, and gzip: zlib passes on what is not compressed.
class GzipBytes final : public ByteSource {
  public:
    explicit GzipBytes(std::filesystem::path path) : path_(std::move(path)) {
        int const descriptor = open_for_reading(path_);
        file_ = gzdopen(descriptor, "rb");
        if (file_ == nullptr) {
            close(descriptor);
            throw Failure{"can't read " + path_.string() + ": zlib has no memory"};
        }
        gzbuffer(file_, 1U << 17);
    }
    ~GzipBytes() override { gzclose_r(file_); }
    GzipBytes(GzipBytes const&) = delete;
    GzipBytes& operator=(GzipBytes const&) = delete;

    std::size_t read(std::span<std::byte> bytes) override {
        int const count = gzread(file_, bytes.data(), static_cast<unsigned>(bytes.size()));
        int error = 0;
        std::string_view message = gzerror(file_, &error);
        // It begins with zlib's own name for the file.
        if (message.starts_with("<fd:")) message.remove_prefix(message.find(": ") + 2);
        if (count < 0 || (count == 0 && error != Z_OK))
            throw Failure{fmt::format("can't read {}: {}", path_.string(), message)};
        return static_cast<std::size_t>(count);
    }

  private:
    std::filesystem::path path_;
    gzFile file_;
};

class XzBytes final : public ByteSource {
  public:
    explicit XzBytes(std::filesystem::path path)
        : path_(std::move(path)), file_(open_for_reading(path_)) {
        if (lzma_stream_decoder(&stream_, UINT64_MAX, LZMA_CONCATENATED) != LZMA_OK)
            throw Failure{"can't read " + path_.string() + ": liblzma has no memory"};
    }
    ~XzBytes() override { lzma_end(&stream_); }
    XzBytes(XzBytes const&) = delete;
    XzBytes& operator=(XzBytes const&) = delete;

    std::size_t read(std::span<std::byte> bytes) override {
        stream_.next_out = reinterpret_cast<std::uint8_t*>(bytes.data());
        stream_.avail_out = bytes.size();
        while (!ended_ && stream_.avail_out == bytes.size())
            decode();
        return bytes.size() - stream_.avail_out;
    }

  private:
    void decode() {
        if (stream_.avail_in == 0) {
            stream_.next_in = reinterpret_cast<std::uint8_t const*>(input_.data());
            stream_.avail_in = read_input(file_.get(), path_, input_);
        }
        auto const status = lzma_code(&stream_, stream_.avail_in == 0 ? LZMA_FINISH : LZMA_RUN);
        if (status == LZMA_STREAM_END) {
            ended_ = true;
        } else if (status != LZMA_OK) {
            throw Failure{fmt::format("can't read {}: {}", path_.string(),
                                      status == LZMA_BUF_ERROR ? "the xz data ends too early"
                                                               : "the xz data is corrupt")};
        }
    }

    std::filesystem::path path_;
    FileDescriptor file_;
    lzma_stream stream_ = LZMA_STREAM_INIT;
    std::array<std::byte, 1U << 16> input_;
    bool ended_ = false;
};

} // namespace

std::unique_ptr<ByteSource> open_bytes(std::filesystem::path const& path) {
    constexpr std::array xz_magic{std::byte{0xfd}, std::byte{'7'}, std::byte{'z'},
                                  std::byte{'X'},  std::byte{'Z'}, std::byte{0}};
    std::array<std::byte, 6> first{};
    if (std::filesystem::is_regular_file(path)) {
        FileDescriptor const file{open_for_reading(path)};
        if (read_input(file.get(), path, first) == first.size() && first == xz_magic)
            return std::make_unique<XzBytes>(path);
    }
    return std::make_unique<GzipBytes>(path);
}

} // namespace twofold::vmm
