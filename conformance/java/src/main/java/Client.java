// Owns the conversation: one call a line on standard input, its answer on standard output. What is
// asked and expected is in ../../../../story; ../../../../README.md describes the lines.

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

public final class Client {

  static final Gson GSON = new GsonBuilder().serializeNulls().create();

  public static void main(String[] arguments) throws Exception {
    boolean apache = arguments.length > 0 && arguments[0].equals("--apache");
    // The SDK's libraries may log to standard output, which is for answers.
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    System.setOut(System.err);

    Calls calls = new Calls(System.getenv("COUNTERSIGN_URL"), apache);
    JsonObject about = new JsonObject();
    about.addProperty("sdk", "com.larksuite.oapi:oapi-sdk");
    about.addProperty("version", version());
    about.addProperty("transport", apache ? "Apache HttpClient" : "OkHttp, the default");
    about.addProperty("body_on_get", calls.sendsBodyWithGet());
    out.println(about);

    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.println(GSON.toJson(calls.answer(JsonParser.parseString(line).getAsJsonObject())));
    }
    System.exit(0); // Threads of the transports would keep the process alive.
  }

  /** From the name of the library that is running: oapi-sdk-VERSION.jar. */
  private static String version() {
    String path = com.lark.oapi.Client.class.getProtectionDomain().getCodeSource().getLocation().getPath();
    return path.replaceAll(".*oapi-sdk-|\\.jar$", "");
  }
}
