import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Apache Kafka's command line tools one after the other in one JVM, each line of standard input is a command:
 * SIDE, class and words with tabs between them. Commands of different sides (0, 1) run at the same time. The answer to
 * each, in no certain order between the sides: a line "SIDE CODE SIZE SIZE", then what the tool wrote to standard output and to
 * standard error. Started from its source (java -cp JARS ToolDriver.java); see tool_driver.py.
 */
public final class ToolDriver {
    /** What takes the place of System.exit: the tool's main ends. */
    private static final class Left extends Error {
        Left() {
            super("exit", null, false, false);
        }
    }

    /** Output and exit code of a command that runs. */
    private static final class Run {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        final ByteArrayOutputStream err = new ByteArrayOutputStream();
        Integer code = null;
    }

    /** Threads that a tool starts write for the same command. */
    private static final InheritableThreadLocal<Run> CURRENT = new InheritableThreadLocal<>();
    private static final PrintStream ANSWERS = System.out;

    private static final class Divert extends OutputStream {
        private final boolean isError;

        Divert(boolean isError) {
            this.isError = isError;
        }

        private OutputStream target() {
            Run run = CURRENT.get();
            if (run == null) return OutputStream.nullOutputStream();
            return isError ? run.err : run.out;
        }

        @Override
        public void write(int value) throws IOException {
            target().write(value);
        }

        @Override
        public void write(byte[] bytes, int from, int count) throws IOException {
            target().write(bytes, from, count);
        }
    }

    private static void leave(int code) {
        Run run = CURRENT.get();
        if (run != null && run.code == null) run.code = code;
        throw new Left();
    }

    private static void call(Run run, String[] words) {
        try {
            Class<?> tool = Class.forName(words[1]);
            Object arguments = Arrays.copyOfRange(words, 2, words.length);
            tool.getMethod("main", String[].class).invoke(null, arguments);
        } catch (InvocationTargetException thrown) {
            if (!(thrown.getCause() instanceof Left)) {
                if (run.code == null) run.code = 1;
                System.err.println("Exception in thread \"main\" " + thrown.getCause());
            }
        } catch (ReflectiveOperationException wrong) {
            run.code = 127;
            System.err.println(wrong);
        }
        if (run.code == null) run.code = 0;
    }

    private static void carryOut(String line) {
        String[] words = line.split("\t", -1);
        Run run = new Run();
        CURRENT.set(run);
        call(run, words);
        CURRENT.remove();
        byte[] out = run.out.toByteArray();
        byte[] err = run.err.toByteArray();
        synchronized (ANSWERS) {
            String head = words[0] + " " + run.code + " " + out.length + " " + err.length + "\n";
            ANSWERS.writeBytes(head.getBytes(StandardCharsets.UTF_8));
            ANSWERS.writeBytes(out);
            ANSWERS.writeBytes(err);
            ANSWERS.flush();
        }
    }

    public static void main(String[] none) throws IOException {
        System.setOut(new PrintStream(new Divert(false), true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(new Divert(true), true, StandardCharsets.UTF_8));
        Exit.setExitProcedure((code, message) -> leave(code));
        Exit.setHaltProcedure((code, message) -> leave(code));
        ExecutorService[] sides = {Executors.newSingleThreadExecutor(), Executors.newSingleThreadExecutor()};
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String command = line;
            sides[command.charAt(0) - '0'].submit(() -> carryOut(command));
        }
        Runtime.getRuntime().halt(0);
    }
}
