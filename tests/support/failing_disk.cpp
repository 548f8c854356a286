// Preloaded into an emulator: its transfers to and from one file fail. The file is the one that
// descriptor TWOFOLD_FAILING_DISK refers to; TWOFOLD_FAILING is `write`, or `read` for reads after
// the first write.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace {

bool written = false;

bool is_the_disk(int descriptor) {
    char const* const number = std::getenv("TWOFOLD_FAILING_DISK");
    struct stat disk {};
    struct stat other {};
    return number != nullptr && fstat(std::atoi(number), &disk) == 0 &&
           fstat(descriptor, &other) == 0 && disk.st_dev == other.st_dev &&
           disk.st_ino == other.st_ino;
}

bool fails(char const* how) {
    char const* const wanted = std::getenv("TWOFOLD_FAILING");
    return wanted != nullptr && std::strcmp(wanted, how) == 0;
}

ssize_t fail() {
    errno = EIO;
    return -1;
}

} // namespace

extern "C" ssize_t write(int descriptor, void const* bytes, size_t count) {
    if (is_the_disk(descriptor)) {
        if (fails("write")) return fail();
        written = true;
    }
    return syscall(SYS_write, descriptor, bytes, count);
}

extern "C" ssize_t read(int descriptor, void* bytes, size_t count) {
    if (written && fails("read") && is_the_disk(descriptor)) return fail();
    return syscall(SYS_read, descriptor, bytes, count);
}
