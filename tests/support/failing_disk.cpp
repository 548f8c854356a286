// Preloaded into an emulator: its transfers to and from one file fail. The file is the one that
// descriptor TWOFOLD_FAILING_DISK refers to. TWOFOLD_FAILING is `write`; or `read`, for reads after
// the first write; or `keep`: writes are said to have been done, and were not. So many bytes are
// transferred well before, in that direction, as TWOFOLD_FAILING_AFTER says.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace {

bool written = false;
/// Bytes that were transferred in the direction that fails.
long long done = 0;

bool is_the_disk(int descriptor) {
    char const* const number = std::getenv("TWOFOLD_FAILING_DISK");
    struct stat disk {};
    struct stat other {};
    return number != nullptr && fstat(std::atoi(number), &disk) == 0 &&
           fstat(descriptor, &other) == 0 && disk.st_dev == other.st_dev &&
           disk.st_ino == other.st_ino;
}

/// For each transfer that could fail in the way `how`, once.
bool fails(char const* how, size_t bytes) {
    char const* const wanted = std::getenv("TWOFOLD_FAILING");
    if (wanted == nullptr || std::strcmp(wanted, how) != 0) return false;
    char const* const after = std::getenv("TWOFOLD_FAILING_AFTER");
    if (done >= (after != nullptr ? std::atoll(after) : 0)) return true;
    done += static_cast<long long>(bytes);
    return false;
}

ssize_t fail() {
    errno = EIO;
    return -1;
}

} // namespace

extern "C" ssize_t write(int descriptor, void const* bytes, size_t count) {
    if (is_the_disk(descriptor)) {
        if (fails("write", count)) return fail();
        if (fails("keep", count)) return static_cast<ssize_t>(count);
        written = true;
    }
    return syscall(SYS_write, descriptor, bytes, count);
}

extern "C" ssize_t read(int descriptor, void* bytes, size_t count) {
    if (written && is_the_disk(descriptor) && fails("read", count)) return fail();
    return syscall(SYS_read, descriptor, bytes, count);
}
